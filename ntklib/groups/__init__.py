r"""Kernels averaged over a finite group of permutations and sign changes of coordinates.

A group :math:`G` of orthogonal matrices acts on points and on functions of them. Let :math:`k` be a
kernel with :math:`k(gx,gz)=k(x,z)`, as is every function of inner products and norms, and

.. math:: k_G(x,z)=\frac1{|G|}\sum_{g\in G}k(x,gz).

What :math:`k_G` learns is invariant under :math:`G`, as if :math:`k` had been given every image of
every point (:prf:ref:`prp-orbits`). Where the law of the points is invariant too, its
eigenfunctions are the invariant ones of :math:`k`, with their eigenvalues
(:prf:ref:`prp-averaged-spectrum`). Of the harmonics of a degree those may be few
(:prf:ref:`prp-invariant-count`). The part of :math:`k_G` in this degree alone then finds an
invariant function of it from as many points, drawn uniformly, as there are such harmonics
(:prf:ref:`thm-single-degree`).
"""

from ntklib.groups.averages import Averaged, averaged
from ntklib.groups.elements import Group, cyclic_shifts, generated
from ntklib.groups.invariants import invariant_multiplicity

__all__ = ["Averaged", "Group", "averaged", "cyclic_shifts", "generated", "invariant_multiplicity"]
