r"""Kernels averaged over a finite group of permutations and sign changes of coordinates.

A group :math:`G` of orthogonal matrices acts on points and on functions of them. Let :math:`k` be a
kernel with :math:`k(gx,gz)=k(x,z)`, as is every function of inner products and norms, and

.. math:: k_G(x,z)=\frac1{|G|}\sum_{g\in G}k(x,gz).

What :math:`k_G` learns is invariant under :math:`G`, as if the network had been given every
transformed copy of its data (:prf:ref:`prp-orbits`); where :math:`k` has an eigenfunction,
:math:`k_G` has its invariant part (:prf:ref:`prp-averaged-spectrum`). Of the harmonics of a degree
that may be few (:prf:ref:`prp-invariant-count`), and so many points are then enough for that degree
(:prf:ref:`thm-single-degree`).
"""

from ntklib.groups.averages import Averaged, averaged
from ntklib.groups.elements import Group, cyclic_shifts, generated
from ntklib.groups.invariants import invariant_multiplicity

__all__ = ["Averaged", "Group", "averaged", "cyclic_shifts", "generated", "invariant_multiplicity"]
