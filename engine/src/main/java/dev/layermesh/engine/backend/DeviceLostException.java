package dev.layermesh.engine.backend;

import dev.layermesh.decoding.HostLostException;

/**
 * A device does not answer any more or reports an error that no later call can get over. A backend throws it from any
 * call; its lane then ends, and a worker leaves the mesh. A call that fails for another reason throws another exception
 * and leaves the device usable.
 */
public final class DeviceLostException extends HostLostException {
  private static final long serialVersionUID = 1;

  /**
   * A lost device.
   *
   * @param why what the device's driver says, in one line
   * @param cause the driver's exception, or null
   */
  public DeviceLostException(Device device, String why, Throwable cause) {
    super("device " + device + " is lost: " + why, cause);
  }
}
