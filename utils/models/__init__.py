"""Networks of the course, one small file a family. They import torch and nothing of ours."""
