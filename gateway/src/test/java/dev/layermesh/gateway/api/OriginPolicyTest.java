package dev.layermesh.gateway.api;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;

class OriginPolicyTest {
  private final OriginPolicy origins = new OriginPolicy("mesh.example");

  @Test
  void shouldAcceptPagesOfItsOwnAddressesAndOfThisMachine() {
    assertThat(origins.allow("http://localhost:3000", "127.0.0.1:8080")).isTrue();
    assertThat(origins.allow("http://127.0.0.1:8080", "127.0.0.1:8080")).isTrue();
    assertThat(origins.allow("http://[::1]:8080", "localhost:8080")).isTrue();
    assertThat(origins.allow("http://192.168.0.7:8080", "192.168.0.7:8080")).isTrue();
    assertThat(origins.allow("https://Mesh.example", "mesh.example")).isTrue();
  }

  @Test
  void shouldRefuseANameThatWasPointedToThisMachine() {
    assertThat(origins.allow("http://evil.example:8080", "evil.example:8080")).isFalse();
    assertThat(origins.allow("http://localhost:8080", "evil.example:8080")).isFalse();
    assertThat(origins.allow("http://127.0.0.1.evil.example", "127.0.0.1.evil.example")).isFalse();
    assertThat(origins.allow("http://evil.example", "127.0.0.1:8080")).isFalse();
    assertThat(origins.allow("null", "127.0.0.1:8080")).isFalse();
    assertThat(origins.allow("http://localhost", "")).isFalse();
  }
}
