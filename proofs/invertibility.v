(** Chapter "invertibility": what makes a Gram matrix singular. *)
From mathcomp Require Import all_ssreflect all_algebra.
From NTK Require Import preface algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(* statement: cor-no-parallel (in part) "two points on one ray make K singular" *)
(* difference: k is any kernel with k(cx, z) = c k(x, z) for c >= 0, as that of the lecture is
   (cor-general-norms); point i' is c times point i. *)
Theorem cor_no_parallel_ray (R : realFieldType) d n (k : 'cV[R]_d -> 'cV[R]_d -> R)
    (x : 'I_n -> 'cV[R]_d) i i' c :
  (forall c x z, 0 <= c -> k (c *: x) z = c * k x z) ->
  i != i' -> 0 <= c -> x i' = c *: x i ->
  (\matrix_(j, l) k (x j) (x l)) \notin unitmx.
Proof.
move=> hom neq c0 xE; set K := \matrix_(j, l) _.
(* Row i' is c times row i. *)
pose u : 'rV[R]_n := delta_mx 0 i' - c *: delta_mx 0 i.
have uK : u *m K = 0.
  rewrite mulmxBl -scalemxAl -!rowE; apply/rowP => l.
  by rewrite !mxE xE hom // subrr.
apply/negP => unitK; have /rowP/(_ i') : u = 0 by rewrite -(mulmxK unitK u) uK mul0mx.
rewrite !mxE !eqxx [i' == i]eq_sym (negPf neq) mulr0 subr0 => /eqP.
by rewrite oner_eq0.
Qed.

(* statement: prp-eigenvalue-bounds (in part) "the smallest eigenvalue is at most 1/2" *)
(* difference: mu is any number with u^T K u >= mu |u|^2 for all u, and K has 1/2 on its diagonal. *)
Theorem prp_eigenvalue_bounds_upper (R : realFieldType) n (K : 'M[R]_n) mu (i : 'I_n) :
  (forall j, K j j = 2^-1) -> (forall u, mu * sq u <= dot u (K *m u)) -> mu <= 2^-1.
Proof.
move=> diag low; have := low (delta_mx i 0).
rewrite dot_delta diag; suff -> : sq (delta_mx i 0 : 'cV[R]_n) = 1 by rewrite mulr1.
by rewrite /sq -[X in dot _ X]mul1mx dot_delta mxE eqxx.
Qed.
