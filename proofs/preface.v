(** Preface: the words that all chapters share.
    Vectors are columns, ['cV[R]_n]; matrices of n rows and p columns are ['M[R]_(n, p)];
    [A *m B] is the product of matrices, [A^T] the transpose, [c *: u] a multiple, [x i 0] the
    coordinate i of x.
    R is any ordered field, or any real closed field where there are square roots. *)
From mathcomp Require Import all_ssreflect all_algebra.
Set Implicit Arguments. Unset Strict Implicit. Unset Printing Implicit Defensive.
Import Order.TTheory GRing.Theory Num.Theory.
Local Open Scope ring_scope.

Fact pinv_key : unit. Proof. exact: tt. Qed.

Section Vectors.
Variable R : realFieldType.

(** Inner product and squared length. *)
Definition dot m (u v : 'cV[R]_m) : R := (u^T *m v) 0 0.
Definition sq m (u : 'cV[R]_m) : R := dot u u.
(** The Gram matrix J J^T; positive semidefinite and positive definite matrices. *)
Definition gram n p (J : 'M[R]_(n, p)) : 'M[R]_n := J *m J^T.
Definition psd n (K : 'M[R]_n) := forall u, 0 <= dot u (K *m u).
Definition posdef n (K : 'M[R]_n) := forall u, u != 0 -> 0 < dot u (K *m u).
(** v lies in the range of A; the span S of the gradients is [inrange J^T]. *)
Definition inrange n p (A : 'M[R]_(n, p)) (v : 'cV[R]_n) := exists a, v = A *m a.
(** The pseudoinverse, from a factorization J = C B into matrices of full rank.
    [algebra.v] shows that it is the one solution of Penrose's four equations. *)
Definition pinvCB n p r (C : 'M[R]_(n, r)) (B : 'M[R]_(r, p)) : 'M[R]_(p, n) :=
  B^T *m invmx (B *m B^T) *m (invmx (C^T *m C) *m C^T).
Definition pinv n p (J : 'M[R]_(n, p)) : 'M[R]_(p, n) :=
  locked_with pinv_key (pinvCB (col_base J) (row_base J)).
(** The orthogonal projector P_S on the span. *)
Definition proj n p (J : 'M[R]_(n, p)) : 'M[R]_p := pinv J *m J.

(** F_0(X; w), from the values f0 = F(X; w0), the Jacobian J and the start w0. *)
Definition lin n p (J : 'M[R]_(n, p)) f0 w0 w : 'cV[R]_n := f0 + J *m (w - w0).
(** The point of w0 + S below w. *)
Definition hat n p (J : 'M[R]_(n, p)) w0 w : 'cV[R]_p := w0 + proj J *m (w - w0).
Definition minimizer T (L : T -> R) w := forall w', L w <= L w'.

(** A law on a finite set, and the mean of a function under it. *)
Definition law (I : finType) (P : I -> R) := (forall i, 0 <= P i) /\ \sum_i P i = 1.
Definition mean (I : finType) (P : I -> R) (f : I -> R) : R := \sum_i P i * f i.
End Vectors.

(** Shallow networks with an activation sigma, and dsigma in the place of its derivative;
    the weights are the rows of W, the signs are a, and vec W is W as one vector. *)
Section Network.
Variable R : rcfType.
Variables (sigma dsigma : R -> R) (eps : R).

Definition norm m (u : 'cV[R]_m) : R := Num.sqrt (sq u).
Definition relu (z : R) := Num.max 0 z.
Definition drelu (z : R) : R := (0 <= z)%R%:R.
Definition vec m d (W : 'M[R]_(m, d)) : 'cV[R]_(m * d) := (mxvec W)^T.

Definition net d m (a : 'I_m -> R) (W : 'M[R]_(m, d)) (x : 'cV[R]_d) : R :=
  eps / Num.sqrt m%:R * \sum_j a j * sigma ((W *m x) j 0).
Definition grad d m (a : 'I_m -> R) (W : 'M[R]_(m, d)) (x : 'cV[R]_d) : 'cV[R]_(m * d) :=
  vec (\matrix_(j, k) (eps / Num.sqrt m%:R * (a j * dsigma ((W *m x) j 0) * x k 0))).
(** The linearization at W0, at one input x. *)
Definition net0 d m (a : 'I_m -> R) (W0 : 'M[R]_(m, d)) x W : R :=
  net a W0 x + dot (grad a W0 x) (vec W - vec W0).
(** The Jacobian on the inputs that are the rows of X, and the kernel of width m. *)
Definition jac d n m (a : 'I_m -> R) (W : 'M[R]_(m, d)) (X : 'M[R]_(n, d)) :=
  \matrix_i (grad a W (row i X)^T)^T.
Definition kern d m (a : 'I_m -> R) (W : 'M[R]_(m, d)) x x' :=
  dot (grad a W x) (grad a W x').
End Network.
