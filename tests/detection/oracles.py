"""Slow, obvious references in plain Python: what the fast code must agree with."""

from __future__ import annotations


def area(box):
    return (box[2] - box[0]) * (box[3] - box[1])


def iou(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(width, 0.0) * max(height, 0.0)
    union = area(a) + area(b) - shared
    return shared / union if union > 0 else 0.0


def greedy_match(overlaps, threshold):
    """Match anchors (rows) with objects (columns) of a table of IoUs by the two rules, one pair at a time."""
    anchors, objects = len(overlaps), len(overlaps[0])
    matches = [-1] * anchors
    for n, row in enumerate(overlaps):
        best = max(range(objects), key=lambda m: (row[m], -m))
        if row[best] >= threshold:
            matches[n] = best
    pairs = [(-overlaps[n][m], n, m) for n in range(anchors) for m in range(objects)]
    taken, served = set(), set()
    for _, n, m in sorted(pairs):
        if n not in taken and m not in served:
            matches[n] = m
            taken.add(n)
            served.add(m)
    return matches


def nms(boxes, scores, threshold):
    keep = []
    for index in sorted(range(len(boxes)), key=lambda k: (-scores[k], k)):
        if all(iou(boxes[index], boxes[other]) <= threshold for other in keep):
            keep.append(index)
    return keep


def average_precision(detections, truths, threshold):
    """Area under the 101-point curve for one class.

    Args:
        detections: rows (picture, score, box).
        truths: rows (picture, box).
    """
    free = [True] * len(truths)
    hits = []
    for picture, _, box in sorted(detections, key=lambda row: -row[1]):
        candidates = [
            (iou(box, true), -k)
            for k, (where, true) in enumerate(truths)
            if where == picture and free[k] and iou(box, true) >= threshold
        ]
        if candidates:
            free[-max(candidates)[1]] = False
        hits.append(bool(candidates))
    points = []
    for count in range(1, len(hits) + 1):
        true = sum(hits[:count])
        points.append((true / len(truths), true / count))
    total = 0.0
    for step in range(101):
        reachable = [precision for recall, precision in points if recall >= step / 100]
        total += max(reachable, default=0.0)
    return total / 101
