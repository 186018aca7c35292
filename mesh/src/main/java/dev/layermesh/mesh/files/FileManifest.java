package dev.layermesh.mesh.files;

import io.vertx.core.json.JsonObject;
import java.io.IOException;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.Collections;
import java.util.HexFormat;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Pattern;

/**
 * Names, sizes and SHA-256 digests of a set of files.
 *
 * @param entries by file name; a name is plain, so that it cannot lead out of a folder
 */
record FileManifest(Map<String, Entry> entries) {
  /** Far more than any tokenizer needs; a manifest that says more is refused. */
  private static final int MAX_FILE_BYTES = 64 << 20;
  private static final Pattern PLAIN_NAME = Pattern.compile("[A-Za-z0-9_][A-Za-z0-9._-]{0,127}");

  /**
   * @param size   in bytes
   * @param sha256 64 hexadecimal digits
   */
  record Entry(int size, String sha256) {
    Entry {
      if (size < 0 || size > MAX_FILE_BYTES) {
        throw new IllegalArgumentException("a file of " + size + " bytes, at most " + MAX_FILE_BYTES + " are allowed");
      }
      if (!sha256.matches("[0-9a-f]{64}")) {
        throw new IllegalArgumentException("not a SHA-256 digest: " + sha256);
      }
    }
  }

  FileManifest {
    entries = Collections.unmodifiableMap(new TreeMap<>(entries));
    for (String name : entries.keySet()) {
      if (!PLAIN_NAME.matcher(name).matches()) {
        throw new IllegalArgumentException("not a plain file name: " + name);
      }
    }
  }

  static FileManifest of(Map<String, byte[]> files) {
    Map<String, Entry> entries = new TreeMap<>();
    files.forEach((name, bytes) -> entries.put(name, new Entry(bytes.length, sha256(bytes))));
    return new FileManifest(entries);
  }

  /** Fails unless size and digest of {@code bytes} are those of {@code name}. */
  void verify(String name, byte[] bytes) throws IOException {
    Entry entry = entries.get(name);
    if (bytes.length != entry.size() || !sha256(bytes).equals(entry.sha256())) {
      throw new IOException(name + ": these " + bytes.length + " bytes are not the " + entry.size()
          + " bytes of digest " + entry.sha256());
    }
  }

  JsonObject toJson() {
    JsonObject json = new JsonObject();
    entries.forEach((name, entry) -> json.put(name,
        new JsonObject().put("size", entry.size()).put("sha256", entry.sha256())));
    return json;
  }

  static FileManifest fromJson(JsonObject json) throws IOException {
    try {
      Map<String, Entry> entries = new TreeMap<>();
      for (String name : json.fieldNames()) {
        JsonObject entry = json.getJsonObject(name);
        entries.put(name, new Entry(entry.getInteger("size", -1), entry.getString("sha256", "")));
      }
      return new FileManifest(entries);
    } catch (IllegalArgumentException | ClassCastException | NullPointerException e) {
      throw new IOException("not a manifest of files: " + e.getMessage(), e);
    }
  }

  static String sha256(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException("every JDK has SHA-256", e);
    }
  }
}
