package dev.layermesh.mesh.membership;

/** Which half of the model a worker runs. */
public enum Role {
  /** Layers [0, E) and the head: proposes tokens. */
  DRAFT,
  /** Layers [E, L) and the head: judges them. */
  VERIFY
}
