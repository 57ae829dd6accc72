r"""The kernel of a finite network that exists already: a module of torch, a function of JAX.

For infinite width the kernel has closed forms (:mod:`ntklib.kernels`, :mod:`ntklib.deep`). This is
the one of a given network at its given parameters, from its gradients, and with it all that is
done with the lecture's network (:func:`ntklib.empirical.as_model`). Implements
:prf:ref:`dfn-kernel` and :prf:ref:`dfn-linearization`.

torch and JAX are loaded only with a model of theirs.
"""

from ntklib.empirical.cost import Cost, Layer
from ntklib.empirical.interface import as_model, cost, empirical_ntk

__all__ = ["Cost", "Layer", "as_model", "cost", "empirical_ntk"]
