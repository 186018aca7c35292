package dev.layermesh.decoding;

/**
 * What runs sessions in this process, such as a device, is lost, and no session can run here any more. The process says
 * so once and leaves the mesh, so no session needs to report it. The session may continue at another worker.
 */
public abstract class HostLostException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  protected HostLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
