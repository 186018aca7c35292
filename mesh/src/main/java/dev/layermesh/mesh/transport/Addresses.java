package dev.layermesh.mesh.transport;

/** The bus addresses of a worker or gateway, derived from its id. */
public final class Addresses {
  private Addresses() {}

  /** Where a verify worker takes work. */
  public static String verifier(String workerId) {
    return "verify." + workerId;
  }

  /** Where a draft worker takes sessions. */
  public static String drafter(String workerId) {
    return "draft." + workerId;
  }

  /** Where a draft worker takes the replies of verifiers. */
  public static String replies(String workerId) {
    return "draft." + workerId + ".replies";
  }

  /** Where a gateway takes tokens. */
  public static String gateway(String gatewayId) {
    return "gateway." + gatewayId;
  }
}
