package dev.layermesh.benchmarks.kernels;

import org.openjdk.jmh.annotations.AuxCounters;
import org.openjdk.jmh.annotations.Scope;
import org.openjdk.jmh.annotations.State;

/** Bytes that a benchmark has moved; JMH reports them per second. */
@State(Scope.Thread)
@AuxCounters(AuxCounters.Type.OPERATIONS)
public class Traffic {
  /** Read and written. */
  public double gigabytes;

  void add(long bytes) {
    gigabytes += bytes / 1e9;
  }
}
