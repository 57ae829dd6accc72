r"""The kernel of a finite network that exists already: a module of torch, a function of JAX.

For infinite width the kernel has closed forms (:mod:`ntklib.kernels`, :mod:`ntklib.deep`). This is
the one of a given network at its given parameters, from its gradients. Implements
:prf:ref:`dfn-kernel`.

torch and JAX are loaded only with a model of theirs.
"""

from ntklib.empirical.cost import Cost, Layer
from ntklib.empirical.interface import cost, empirical_ntk

__all__ = ["Cost", "Layer", "cost", "empirical_ntk"]
