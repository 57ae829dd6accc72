(** Chapter "invertibility", with Coq's real numbers. *)
Require Import Reals Psatz.
From NTK Require Import relu_kernel_analysis.
Local Open Scope R_scope.

(* statement: prp-series (in part) "kappa(t) - kappa(-t) = t/2" *)
Theorem prp_series_odd t : kappa t - kappa (- t) = t / 2.
Proof.
(* The angles of t and -t add up to pi. *)
unfold kappa; rewrite acos_opp.
field; assert (0 < PI) by exact PI_RGT_0; lra.
Qed.
