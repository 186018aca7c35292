package dev.layermesh.mesh.wire;

/** Bytes are no frame of this version. Endpoints log it and drop the frame; its sender sends it again. */
public final class WireException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  WireException(String message) {
    super(message);
  }

  WireException(String message, Throwable cause) {
    super(message, cause);
  }
}
