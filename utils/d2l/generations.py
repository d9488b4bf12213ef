"""Names of d2l 1.0 (the book's second edition) that 0.17 does not have, and what does their job here."""

from __future__ import annotations

_LOOP = "utils.train.fit and its step functions"
_OPTIMIZER = "torch.optim.SGD"

ONLY_IN_1_0 = {
    "HyperParameters": "plain keyword arguments",
    "ProgressBoard": "utils.plot.LivePlot",
    "Module": "torch.nn.Module, trained by utils.train.fit",
    "DataModule": "utils.datasets.batches.Batches",
    "Trainer": _LOOP,
    "Classifier": "utils.train.classification_step",
    "SGD": _OPTIMIZER,
    "SyntheticRegressionData": "d2l.synthetic_data",
    "LinearRegressionScratch": "d2l.linreg and d2l.squared_loss",
    "LinearRegression": "torch.nn.Linear(d, 1)",
    "FashionMNIST": "d2l.load_data_fashion_mnist",
    "SoftmaxRegression": "torch.nn.Sequential(Flatten(), Linear(784, 10))",
    "KaggleHouse": "utils.datasets.houses.read_table",
    "LeNet": "utils.models.lenet.lenet",
    "AlexNet": "utils.models.alexnet",
    "VGG": "utils.models.vgg.vgg",
    "NiN": "utils.models.nin.nin",
    "GoogleNet": "utils.models.googlenet.googlenet",
    "BNLeNet": "utils.models.bn_lenet",
    "ResNet": "utils.models.resnet.resnet",
    "ResNet18": "utils.models.resnet.resnet",
    "ResNeXtBlock": "torchvision.models.resnext50_32x4d",
    "RegNet": "torchvision.models.regnet_x_400mf",
    "DenseNet": "torchvision.models.densenet121",
    "add_to_class": "an ordinary method",
    "init_cnn": "utils.models.lenet.init_xavier",
    "vgg_block": "utils.models.vgg.vgg_block",
    "nin_block": "utils.models.nin.nin_block",
    "Inception": "utils.models.googlenet.Inception",
}
"""Name -> what to use in its place."""
