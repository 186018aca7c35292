package dev.layermesh.mesh.membership;

import io.vertx.core.json.JsonObject;

/** A value as it lies in a map of the cluster: JSON text, with the node that vouches for it. */
record Leased(String nodeId, JsonObject value) {
  String encode() {
    return new JsonObject().put("node", nodeId).put("value", value).encode();
  }

  static Leased decode(String text) {
    JsonObject json = new JsonObject(text);
    return new Leased(json.getString("node"), json.getJsonObject("value"));
  }
}
