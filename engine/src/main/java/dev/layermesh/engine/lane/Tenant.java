package dev.layermesh.engine.lane;

/** What {@link KvAdmission} remembers of a session. The lane's thread alone. */
final class Tenant {
  /** Positions it wants room for before it runs at all: known ones, or those it held when it had to make room. */
  int wanted;

  /** Whether it had to make room and has not been told yet. */
  boolean lost;

  /** When it was refused first since it last ran. */
  long waitsSinceNanos;

  /** When it last did something here. */
  long ranNanos;

  /** The last batch it was in. */
  long batch;

  Tenant(int wanted) {
    this.wanted = wanted;
  }
}
