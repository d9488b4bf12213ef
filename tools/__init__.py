"""The course's workshop: set-up, running, checking and publishing the chapters. Never imported by utils."""
