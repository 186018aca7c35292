package dev.layermesh.gateway.turn;

/** Ends the reading or planning of a request at the first error. */
public final class ApiException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  private final transient ApiError error;

  public ApiException(ApiError error) {
    super(error.message(), null, false, false);
    this.error = error;
  }

  /** A wrong value of a request field. */
  public static ApiException invalid(String field, String problem) {
    return new ApiException(ApiError.invalid(field, problem));
  }

  public ApiError error() {
    return error;
  }
}
