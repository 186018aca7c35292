package dev.layermesh.engine.backend;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.cpu.ScalarBackendProvider;
import dev.layermesh.engine.kv.KvOptions;
import dev.layermesh.engine.kv.KvType;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The backend that a name opens, or the error where there is none. */
@Timeout(60)
public class BackendsTest {

  @ParameterizedTest
  @CsvSource({"scalar, scalar-f32", "vector, lanes16-f32", "native, lanes16-f32", "auto, lanes16-f32"})
  void shouldOpenTheBackendAskedFor(String name, String arithmetic) {
    Available.require(name);
    try (Backend backend = Backends.open("cpu", name, 2)) {
      assertThat(backend.arithmetic()).isEqualTo(arithmetic);
    }
  }

  /** Rounded keys and values give other tokens, so workers of the two may not continue each other's sessions. */
  @ParameterizedTest
  @CsvSource({"scalar, scalar-f32-kv-q8_0", "vector, lanes16-f32-kv-q8_0", "native, lanes16-f32-kv-q8_0"})
  void shouldNameTheTypeOfKeysAndValuesWhereItIsNotThatOfAllElse(String name, String arithmetic) {
    Available.require(name);
    KvOptions rounded = KvOptions.ofHeap().withType(KvType.parse("q8_0"));
    try (Backend backend = Backends.open(new BackendOptions(Device.CPU, 1, rounded, false), name)) {
      assertThat(backend.arithmetic()).isEqualTo(arithmetic);
    }
  }

  @ParameterizedTest
  @CsvSource(delimiter = '|', value = {
      "cuda:0 | auto   | 1 | device=cuda:0: no backend for cuda is installed, there is cpu",
      "cuda:0 | vector | 1 | device=cuda:0: no backend for cuda is installed, there is cpu",
      "cpu:1  | auto   | 1 | device=cpu:1: must be cpu or cuda:N",
      "gpu    | auto   | 1 | device=gpu: must be cpu or cuda:N",
      "cpu    | quick  | 1 | backend=quick: for device cpu there is auto, native, vector, scalar",
      "cpu    | auto   | 0 | threads=0: must be 1 or more"})
  void shouldSayInOneLineWhatIsNotThere(String device, String backend, int threads, String message) {
    assertThatThrownBy(() -> Backends.open(device, backend, threads))
        .isInstanceOf(InputException.class)
        .hasMessage(message);
  }

  @Test
  void shouldNameWhatAutoPassedOver() {
    List<String> lines = new ArrayList<>();
    BackendOptions options = new BackendOptions(Device.CPU, 1);
    List<BackendProvider> providers = List.of(new ScalarBackendProvider(), new Missing());
    try (Backend backend = Backends.open(providers, options, "auto", lines::add)) {
      assertThat(backend.arithmetic()).isEqualTo("scalar-f32");
      assertThat(lines).containsExactly("backend scalar instead of the faster native: no library");
    }
    assertThatThrownBy(() -> Backends.open(providers, options, "native", lines::add))
        .hasMessage("backend=native: no library");
    assertThatThrownBy(() -> Backends.open(List.of(new Missing()), options, "auto", lines::add))
        .hasMessage("device=cpu: no library");
    assertThat(lines).hasSize(1);
  }

  @Test
  void shouldRunAndNameTheFlagWhenTheVectorApiIsAbsent() throws Exception {
    String output = ForkedJvm.run(List.of(), Opening.class, "auto");
    assertThat(output).contains("scalar-f32").contains(
        "backend scalar instead of the faster vector: this JVM was started without --add-modules jdk.incubator.vector");
    assertThat(ForkedJvm.run(List.of(), Opening.class, "vector"))
        .contains("backend=vector: this JVM was started without --add-modules jdk.incubator.vector");
  }

  /** Opens the backend named by its argument and says which it is. */
  public static final class Opening {
    private Opening() {}

    public static void main(String[] args) {
      try (Backend backend = Backends.open("cpu", args[0], 1)) {
        System.out.println(backend.arithmetic());
      } catch (InputException e) {
        System.out.println(e.getMessage());
      }
    }
  }

  private static final class Missing implements BackendProvider {
    @Override
    public String name() {
      return "native";
    }

    @Override
    public String deviceKind() {
      return "cpu";
    }

    @Override
    public int preference() {
      return 20;
    }

    @Override
    public Optional<String> unavailableBecause() {
      return Optional.of("no library");
    }

    @Override
    public long memory(Device device) {
      throw new AssertionError("asked though unavailable");
    }

    @Override
    public Backend create(BackendOptions options) {
      throw new AssertionError("created though unavailable");
    }
  }
}
