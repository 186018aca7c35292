package dev.layermesh.engine.backend;

import java.util.Optional;

/**
 * Makes backends of one name; found by {@link java.util.ServiceLoader}. Loading a
 * provider must work where its backend cannot run: {@link #unavailableBecause} then says why.
 */
public interface BackendProvider {

  /** What {@code --backend} calls it. */
  String name();

  /** {@link Device#kind()} of the devices it computes on. */
  String deviceKind();

  /** {@code auto} takes the available provider of the highest preference: the faster, the higher. */
  int preference();

  /** Why it cannot run in this JVM and what would help, in one line; empty when it can. */
  Optional<String> unavailableBecause();

  /**
   * Bytes that keys and values of all sessions on a device may take at most, the Java heap or the device's memory:
   * {@code --kv-memory} is a quarter of it by default. A device that is a part of a larger one says its part.
   *
   * @throws dev.layermesh.decoding.InputException when the device does not exist
   */
  long memory(Device device);

  /**
   * A new backend for one lane.
   *
   * @throws dev.layermesh.decoding.InputException when the device does not exist
   */
  Backend create(BackendOptions options);
}
