package dev.layermesh.engine.kv;

import dev.layermesh.engine.cpu.ScalarBackendProvider;

/** A class that breaks a rule of the architecture, to see the rule fire. */
public interface Trespasser {
  ScalarBackendProvider trespass(dev.layermesh.engine.lane.Trespasser circle);
}
