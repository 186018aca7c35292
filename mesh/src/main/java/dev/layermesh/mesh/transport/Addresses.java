package dev.layermesh.mesh.transport;

/** The bus addresses of a worker or gateway, derived from its id. */
public final class Addresses {
  private Addresses() {}

  /** Address of a verify worker, for work. */
  public static String verifier(String workerId) {
    return "verify." + workerId;
  }

  /** Address of a draft worker, for sessions. */
  public static String drafter(String workerId) {
    return "draft." + workerId;
  }

  /** Address of a draft worker, for replies of verifiers. */
  public static String replies(String workerId) {
    return "draft." + workerId + ".replies";
  }

  /** Address of a gateway, for tokens. */
  public static String gateway(String gatewayId) {
    return "gateway." + gatewayId;
  }
}
