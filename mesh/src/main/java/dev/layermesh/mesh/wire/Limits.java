package dev.layermesh.mesh.wire;

/** What a frame may hold at most. A receiver refuses more, so a sender must not send it. */
final class Limits {
  /**
   * Bytes of a frame. The largest in use holds the distributions of a window of 64 tokens over 128,256 ids, 33 MB: the
   * acceptance rule of speculative sampling reads them.
   */
  static final int FRAME_BYTES = 64 << 20;
  /** Bytes of a text in UTF-8. */
  static final int TEXT_BYTES = 4096;
  /** Characters of a message for people, of up to four bytes each. */
  static final int MESSAGE_CHARACTERS = TEXT_BYTES / 4;
  /** Characters of a sender's id. */
  static final int SENDER_CHARACTERS = 128;

  private Limits() {}
}
