(** Chapter "spectrum": networks with their mirror images. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra linearization.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Odd.
Variable R : rcfType.
Variables (eps : R) (m d : nat) (a : 'I_m -> R).
Implicit Types (W : 'M[R]_(m, d)) (x : 'cV[R]_d).

Lemma mulN W x j : (W *m - x) j 0 = - (W *m x) j 0.
Proof. by rewrite mulmxN mxE. Qed.

Lemma relu_odd (z : R) : relu z - relu (- z) = z.
Proof.
rewrite /relu; case: (leP 0 z) => z0.
  by rewrite max_l ?subr0 // oppr_le0.
by rewrite max_r ?sub0r ?opprK // oppr_ge0 ltW.
Qed.

(* statement: thm-function-space (3) "the odd part of a ReLU network is linear" *)
Theorem thm_function_space_3 W x :
  net (@relu R) eps a W x - net (@relu R) eps a W (- x) =
  eps / Num.sqrt m%:R * \sum_j a j * (W *m x) j 0.
Proof.
rewrite /net -mulrBr -sumrB; congr (_ * _); apply: eq_bigr => j _.
by rewrite mulN -mulrBr relu_odd.
Qed.

(* statement: thm-function-space (3) "and so is that of its linearization, off the hyperplanes" *)
Theorem thm_function_space_3_linearization W0 W x : (forall j, (W0 *m x) j 0 != 0) ->
  net0 (@relu R) (@drelu R) eps a W0 x W - net0 (@relu R) (@drelu R) eps a W0 (- x) W =
  eps / Num.sqrt m%:R * \sum_j a j * (W *m x) j 0.
Proof.
move=> off; rewrite !prp_homogeneity_linear !dot_grad -mulrBr -sumrB; congr (_ * _).
apply: eq_bigr => j _; rewrite !mulN mulrN opprK -mulrDl -mulrDr.
(* One of the two gates is open. *)
suff -> : drelu ((W0 *m x) j 0) + drelu (- (W0 *m x) j 0) = 1 by rewrite mulr1.
rewrite /drelu oppr_ge0; case: (ltgtP ((W0 *m x) j 0) 0) (off j) => // _ _.
  by rewrite add0r.
by rewrite addr0.
Qed.
End Odd.
