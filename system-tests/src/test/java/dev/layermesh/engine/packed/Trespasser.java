package dev.layermesh.engine.packed;

import dev.layermesh.engine.backend.Backend;

/** A class that breaks a rule of the architecture, to see the rule fire. */
public interface Trespasser {
  Backend trespass();
}
