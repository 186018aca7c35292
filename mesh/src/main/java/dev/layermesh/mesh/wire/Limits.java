package dev.layermesh.mesh.wire;

/** What a frame may hold at most. A receiver refuses more, so a sender must not send it. */
final class Limits {
  /**
   * Bytes of a frame. The largest in use hold 65 rows of a wide model, the distributions of a window (4 MB) or a prompt
   * of a million tokens (4 MB).
   */
  static final int FRAME_BYTES = 16 << 20;
  /** Bytes of a text in UTF-8. */
  static final int TEXT_BYTES = 4096;
  /** Characters of a message for people, of up to four bytes each. */
  static final int MESSAGE_CHARACTERS = TEXT_BYTES / 4;
  /** Characters of a sender's id. */
  static final int SENDER_CHARACTERS = 128;

  private Limits() {}
}
