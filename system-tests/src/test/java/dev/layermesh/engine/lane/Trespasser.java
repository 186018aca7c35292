package dev.layermesh.engine.lane;

import jcuda.Pointer;

/** A class that breaks a rule of the architecture, to see the rule fire. */
public interface Trespasser {
  Pointer trespass(dev.layermesh.engine.kv.Trespasser circle);
}
