package dev.layermesh.engine.cpu;

import dev.layermesh.engine.lane.LaneStats;

/** A class that breaks a rule of the architecture, to see the rule fire. */
public interface Trespasser {
  LaneStats trespass();
}
