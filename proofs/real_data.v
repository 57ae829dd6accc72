(** Chapter "real_data": an ensemble with one point left out. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages new_data.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

(** The mean square of a linear function of a random vector. *)
Lemma mean_dot_covariance (R : realFieldType) (I : finType) (P : I -> R) n (xi : I -> 'cV[R]_n)
    (S : 'M[R]_n) (c : 'cV[R]_n) :
  (forall j l, mean P (fun i => xi i j 0 * xi i l 0) = S j l) ->
  mean P (fun i => dot c (xi i) ^+ 2) = dot c (S *m c).
Proof.
move=> covariance.
have e i : dot c (xi i) ^+ 2 = \sum_j \sum_l c j 0 * c l 0 * (xi i j 0 * xi i l 0).
  rewrite expr2 dotE mulr_suml; apply: eq_bigr => j _; rewrite mulr_sumr.
  by apply: eq_bigr => l _; rewrite mulrACA.
rewrite (eq_mean _ e) mean_sum dotE; apply: eq_bigr => j _.
rewrite mean_sum [X in _ * X]mxE mulr_sumr; apply: eq_bigr => l _.
by rewrite meanZ covariance mulrAC mulrA.
Qed.

Section LeftOut.
Variable R : realFieldType.
Variables (n : nat) (K : 'M[R]_n.+1) (nu : R) (y : 'cV[R]_n.+1) (i : 'I_n.+1).
Let M := K + nu%:M.
Let A := invmx M.
Hypothesis pos : posdef M.
Hypothesis sym : K^T = K.

(** What a network that starts with the outputs f0 predicts at x_i, trained without that point:
    its start, and the fit to what the start leaves of the other targets. *)
Definition left_out (f0 : 'cV[R]_n.+1) : R :=
  f0 i 0 + (row i (col' i K) *m (invmx (row' i (col' i M)) *m row' i (y - f0))) 0 0.

(* statement: prp-ensemble-left-out "one network misses by (A (y - f0))_i / A_ii" *)
(* difference: nu > 0 or K positive definite: here, K + nu I positive definite. *)
Theorem prp_ensemble_left_out_network f0 : y i 0 - left_out f0 = (A *m (y - f0)) i 0 / A i i.
Proof.
rewrite -(prp_loo_1 (y - f0) i pos) /left_out opprD addrA; congr (_ - _).
by rewrite !mxE.
Qed.

(** Starts under any law on finitely many points, of mean zero and covariance S. *)
Variables (I : finType) (P : I -> R) (f0 : I -> 'cV[R]_n.+1) (S : 'M[R]_n.+1).
Hypothesis probability : law P.
Hypothesis centered : forall j, mean P (fun t => f0 t j 0) = 0.
Hypothesis covariance : forall j l, mean P (fun t => f0 t j 0 * f0 t l 0) = S j l.

(* What a network misses is a number plus a linear function of its start. *)
Lemma missed t :
  y i 0 - left_out (f0 t) = (A *m y) i 0 / A i i + dot (- (A i i)^-1 *: (row i A)^T) (f0 t).
Proof.
have split : (A *m (y - f0 t)) i 0 = (A *m y) i 0 - dot (row i A)^T (f0 t).
  rewrite mulmxBr /dot trmxK -row_mul.
  by rewrite [LHS]mxE [X in _ + X]mxE [X in _ = _ - X]mxE.
by rewrite prp_ensemble_left_out_network split mulrBl dotZl mulNr [_^-1 * _]mulrC.
Qed.

(* statement: prp-ensemble-left-out "the mean of what is missed" *)
(* difference: a law on finitely many starts. *)
Theorem prp_ensemble_left_out_mean :
  mean P (fun t => y i 0 - left_out (f0 t)) = (A *m y) i 0 / A i i.
Proof.
by rewrite (eq_mean _ missed) meanD mean_const // (mean_dot _ centered) addr0.
Qed.

(* statement: prp-ensemble-left-out (in part) "the variance of what is missed" *)
(* difference: as above; K is symmetric. That Gaussian starts give a Gaussian law is not part of it:
   by the first statement what is missed is an affine function of the start. *)
Theorem prp_ensemble_left_out_variance :
  let average := (A *m y) i 0 / A i i in
  mean P (fun t => (y i 0 - left_out (f0 t) - average) ^+ 2) = (A *m S *m A) i i / A i i ^+ 2.
Proof.
move=> average; set c := - (A i i)^-1 *: (row i A)^T.
have e t : (y i 0 - left_out (f0 t) - average) ^+ 2 = dot c (f0 t) ^+ 2.
  by rewrite missed -/c addrC addKr.
rewrite (eq_mean _ e) (mean_dot_covariance _ covariance) /c.
(* The row of A is its column: A is symmetric. *)
have AT : A^T = A by rewrite /A invmx_sym // /M linearD /= sym scalar_sym.
rewrite dotZl -scalemxAr dotZr mulrA mulrNN -expr2 exprVn mulrC; congr (_ / _).
by rewrite tr_row AT colE dot_sym // !mulmxA dot_delta.
Qed.
End LeftOut.
