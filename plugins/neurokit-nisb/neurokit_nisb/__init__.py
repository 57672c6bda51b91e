"""neurokit-nisb: the NISB benchmark of neuron segmentation, and BANIS, its baseline."""
