package dev.layermesh.mesh.membership;

import dev.layermesh.decoding.InputException;
import io.vertx.core.json.DecodeException;
import io.vertx.core.json.JsonObject;
import java.util.Objects;

/** A value in a map of the cluster, as JSON text, with the node that holds it. */
record Leased(String nodeId, JsonObject value) {
  String encode() {
    return new JsonObject().put("node", nodeId).put("value", value).encode();
  }

  /**
   * Reads {@link #encode}.
   *
   * @throws InputException if {@code entry} is none
   */
  static Leased decode(Object entry) {
    try {
      JsonObject json = new JsonObject((String) entry);
      return new Leased(
          Objects.requireNonNull(json.getString("node"), "node"),
          Objects.requireNonNull(json.getJsonObject("value"), "value"));
    } catch (ClassCastException | NullPointerException | DecodeException e) {
      throw InputException.in("mesh", "is not an entry of a node: " + e.getMessage());
    }
  }
}
