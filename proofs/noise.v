(** Chapter "noise": the error, given the inputs. *)
From mathcomp Require Import all_ssreflect all_algebra.
From mathcomp Require Import ring.
From NTK Require Import preface algebra averages span.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Section Noise.
Variable R : realFieldType.
Variables (I : finType) (P : I -> R) (n : nat) (xi : I -> 'cV[R]_n) (tau : R).
(** A law on finitely many points, and noise of mean zero and covariance tau^2. *)
Hypothesis probability : law P.
Hypothesis centered : forall j, mean P (fun i => xi i j 0) = 0.
Hypothesis white : forall j l, mean P (fun i => xi i j 0 * xi i l 0) = tau ^+ 2 * (j == l)%:R.
Local Notation E := (mean P).

(** The error of a prediction c^T y at one input, where y = f + xi. *)
(* statement: prp-conditional-risk (1) "the error at an input is squared bias plus variance" *)
(* difference: a law on finitely many points; f is the vector f(X), fx the value f(x), and c the
   vector (K + nu I)^+ k(X, x). *)
Theorem prp_conditional_risk_1 (c f : 'cV[R]_n) fx :
  E (fun i => (dot c (f + xi i) - fx) ^+ 2) = (dot c f - fx) ^+ 2 + tau ^+ 2 * sq c.
Proof.
set bias := dot c f - fx.
have e i : (dot c (f + xi i) - fx) ^+ 2 =
    bias ^+ 2 + 2 * bias * dot c (xi i) + dot c (xi i) ^+ 2.
  by rewrite dotDr /bias; ring.
rewrite (eq_mean _ e) 2!meanD mean_const // meanZ (mean_dot _ centered) mulr0 addr0.
congr (_ + _); exact: mean_dot_sq.
Qed.

(* statement: prp-conditional-risk (4 in part) "without noise there is no variance" *)
(* difference: as above. *)
Theorem prp_conditional_risk_4 (c f : 'cV[R]_n) fx : tau = 0 ->
  E (fun i => (dot c (f + xi i) - fx) ^+ 2) = (dot c f - fx) ^+ 2.
Proof. by move=> t0; rewrite prp_conditional_risk_1 t0 expr0n mul0r addr0. Qed.
End Noise.

(* statement: prp-ridge-removes (4 in part) "no linear prediction is better than ridge tau^2" *)
(* difference: the mean squared error of c^T y is k(x,x) - 2 <c, k> + <c, (K + tau^2 I) c>, with
   K = k(X, X) and k = k(X, x), because f and the noise are independent; here it is this formula. *)
Theorem prp_ridge_removes_4 (R : realFieldType) n (K : 'M[R]_n) (k : 'cV[R]_n) kxx tau c :
  let M := K + (tau ^+ 2)%:M in
  let error c := kxx - 2 * dot c k + dot c (M *m c) in
  K^T = K -> psd K -> tau != 0 ->
  error c = kxx - dot k (invmx M *m k) + dot (c - invmx M *m k) (M *m (c - invmx M *m k)) /\
  kxx - dot k (invmx M *m k) <= error c /\
  error (invmx M *m k) = kxx - dot k (invmx M *m k).
Proof.
move=> M error KT pos tau0.
have Mpos : posdef M by apply: psd_ridge; rewrite // exprn_even_gt0.
have uM := posdef_unit Mpos.
have MT : M^T = M by rewrite linearD /= KT tr_scalar_mx.
set b := invmx M *m k; have Mb : M *m b = k by rewrite mulKVmx.
have square c' : error c' = kxx - dot k b + dot (c' - b) (M *m (c' - b)).
  rewrite mulmxBr Mb dotBl !dotBr (dotC b k).
  have -> : dot b (M *m c') = dot c' k by rewrite -(dot_sym _ _ MT) Mb dotC.
  by rewrite /error; ring.
split; first exact: square.
split; last by rewrite square subrr mulmx0 dot0r addr0.
rewrite square ler_addl; have [->|neq] := eqVneq (c - b) 0.
  by rewrite mulmx0 dot0r.
exact/ltW/Mpos.
Qed.
