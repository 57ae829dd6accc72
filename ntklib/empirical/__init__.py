from ntklib.empirical.cost import Cost, Layer
from ntklib.empirical.interface import empirical_ntk

__all__ = ["Cost", "Layer", "empirical_ntk"]
