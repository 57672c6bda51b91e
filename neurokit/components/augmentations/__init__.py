"""Built-in augmentations: random changes of samples that leave labels and image fitting."""
