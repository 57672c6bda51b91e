"""The skeleton-aware distance transform for neurokit: targets, a loss and a decoder.

`transform` computes it, from `skeletons` among others, `packing` lets it travel with the labels of
a volume, and `targets`, `loss` and `decoder` hold the components.
"""
