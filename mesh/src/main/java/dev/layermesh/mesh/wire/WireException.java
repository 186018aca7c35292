package dev.layermesh.mesh.wire;

/** Bytes that are no frame of this version. Endpoints log it and drop the frame: a retry brings a whole one. */
public final class WireException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  WireException(String message) {
    super(message);
  }

  WireException(String message, Throwable cause) {
    super(message, cause);
  }
}
