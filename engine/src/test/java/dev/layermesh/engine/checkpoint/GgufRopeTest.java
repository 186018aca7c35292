package dev.layermesh.engine.checkpoint;

import static dev.layermesh.engine.checkpoint.TinyGguf.tiny;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.layermesh.decoding.InputException;
import dev.layermesh.engine.gguf.GgmlType;
import dev.layermesh.engine.gguf.GgufWriter;
import dev.layermesh.engine.model.RopeScaling;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

@Timeout(60)
class GgufRopeTest {
  private static final RopeScaling UNSCALED = new RopeScaling.Default();
  private static final RopeScaling BY_4 = new RopeScaling.Linear(4);

  @TempDir
  private Path temp;

  @Test
  void shouldReadEveryWayOfSayingALinearScale() {
    assertThat(scaling(tiny().text("llama.rope.scaling.type", "linear").number("llama.rope.scaling.factor", 4)))
        .isEqualTo(BY_4);
    assertThat(scaling(tiny().number("llama.rope.scaling.factor", 4))).isEqualTo(BY_4);
    assertThat(scaling(tiny().number("llama.rope.scale_linear", 4))).isEqualTo(BY_4);
    assertThat(scaling(tiny().text("llama.rope.scaling.type", "linear").number("llama.rope.scale_linear", 4)))
        .isEqualTo(BY_4);
    assertThat(scaling(tiny().number("llama.rope.scale_linear", 4).number("llama.rope.scaling.factor", 4)))
        .isEqualTo(BY_4);
  }

  @Test
  void shouldReadKeysThatScaleNothing() {
    assertThat(scaling(tiny().text("llama.rope.scaling.type", "none").number("llama.rope.scaling.factor", 4)))
        .isEqualTo(UNSCALED);
    assertThat(scaling(tiny().number("llama.rope.scaling.factor", 0))).isEqualTo(UNSCALED);
    assertThat(scaling(tiny().number("llama.rope.scale_linear", 1))).isEqualTo(UNSCALED);
    assertThat(scaling(tiny().integer("llama.rope.dimension_count", 4).number("llama.rope.scaling.attn_factor", 1)
        .integer("llama.rope.scaling.original_context_length", 64).flag("llama.rope.scaling.finetuned", true)))
        .isEqualTo(UNSCALED);
    assertThat(scaling(factors(tiny().number("llama.rope.scaling.factor", 1))))
        .isEqualTo(new RopeScaling.Factors(List.of(1f, 8f)));
  }

  @Test
  void shouldRefuseScalesThatContradictEachOtherOrAreNone() {
    assertRefused(tiny().number("llama.rope.scale_linear", 2).number("llama.rope.scaling.factor", 4),
        "llama.rope.scale_linear=2.0: must be llama.rope.scaling.factor=4.0 or absent");
    assertRefused(tiny().number("llama.rope.scale_linear", 0.5f),
        "llama.rope.scale_linear=0.5: must be 1 or more");
    assertRefused(tiny().text("llama.rope.scaling.type", "linear"),
        "llama.rope.scaling.factor=absent: must be a number");
    assertRefused(tiny().text("llama.rope.scaling.factor", "4"), "llama.rope.scaling.factor=4: must be a number");
    assertRefused(factors(tiny().number("llama.rope.scaling.factor", 4)),
        "llama.rope.scaling.factor=4.0: must be 1 beside the tensor rope_freqs.weight");
    assertRefused(tiny().tensor("rope_freqs.weight", GgmlType.F32, List.of(4), TinyGguf.zeros(16)),
        "rope_freqs.weight.dims=[4] F32: must be [2] F32, a factor for each pair of a head");
  }

  @ParameterizedTest
  @ValueSource(strings = {"yarn", "longrope", "su"})
  void shouldRefuseOtherTypes(String type) {
    assertRefused(tiny().number("llama.rope.scaling.yarn_beta_fast", 32).text("llama.rope.scaling.type", type),
        "llama.rope.scaling.type=" + type + ": must be none or linear");
  }

  /** The rest of the keys of gguf-py/gguf/constants.py, and one that is in no list. */
  @ParameterizedTest
  @ValueSource(strings = {"dimension_count_swa", "dimension_sections", "freq_base_swa", "scaling.alpha",
      "scaling.yarn_log_multiplier", "scaling.yarn_ext_factor", "scaling.yarn_attn_factor", "scaling.yarn_beta_fast",
      "scaling.yarn_beta_slow", "something.new"})
  void shouldRefuseKeysThatMakeItAnotherModel(String key) {
    assertRefused(tiny().integer("llama.rope." + key, 2),
        "llama.rope." + key + "=2: is not computed by this engine: the model would be another one without it");
  }

  @Test
  void shouldRefuseToTurnAPartOfAHeadOrToScaleAttention() {
    assertRefused(tiny().integer("llama.rope.dimension_count", 2),
        "llama.rope.dimension_count=2: must be 4, the length of a head");
    assertRefused(tiny().number("llama.rope.scaling.attn_factor", 0.5f),
        "llama.rope.scaling.attn_factor=0.5: must be 1: scaled attention is not computed");
    assertRefused(tiny().tensor("rope_factors_long.weight", GgmlType.F32, List.of(2), TinyGguf.zeros(8)),
        "tensor=rope_factors_long.weight: is no tensor of a Llama model of 2 layers: "
            + "this engine would compute something else");
  }

  private static GgufWriter factors(GgufWriter writer) {
    return writer.tensor("rope_freqs.weight", GgmlType.F32, List.of(2),
        out -> out.write(new byte[] {0, 0, -128, 63, 0, 0, 0, 65})); // 1 and 8
  }

  private RopeScaling scaling(GgufWriter writer) {
    try (Checkpoint checkpoint = Checkpoint.open(TinyGguf.write(writer, temp.resolve("tiny.gguf")))) {
      return checkpoint.config().rope().scaling();
    }
  }

  private void assertRefused(GgufWriter writer, String message) {
    Path file = TinyGguf.write(writer, temp.resolve("tiny.gguf"));
    assertThatThrownBy(() -> Checkpoint.open(file).close())
        .isInstanceOf(InputException.class).hasMessage(file + ": " + message);
  }
}
