import pytest

from utils.history import History, Record


def records():
    return [Record(1, {"train loss": 2.0}, 1.0), Record(2, {"train loss": 1.0, "valid loss": 1.5}, 3.0)]


def test_series_skip_epochs_without_the_metric():
    history = History(records())
    assert history.series("valid loss") == ([2], [1.5])
    assert history.series("train loss") == ([1, 2], [2.0, 1.0])
    assert history.names == ["train loss", "valid loss"] and history.seconds == 4.0


def test_unknown_metrics_are_listed():
    with pytest.raises(ValueError, match="no metric 'accuracy' in this record, it has: train loss"):
        records()[0]["accuracy"]
    with pytest.raises(ValueError, match="no metric 'x' in this history, it has: train loss, valid loss"):
        History(records()).series("x")


def test_an_empty_history_says_so():
    assert len(History()) == 0 and History().series("anything") == ([], [])
    with pytest.raises(ValueError, match="no epoch has ended"):
        _ = History().last


def test_a_record_can_be_asked_for_its_metrics():
    record = records()[1]
    assert (
        "valid loss" in record and "accuracy" not in record and list(record) == ["train loss", "valid loss"]
    )


def test_a_record_survives_plain_numbers():
    record = records()[1]
    assert Record(**record.as_dict()) == record
    assert "train loss 1.000" in str(record)
