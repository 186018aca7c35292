package dev.layermesh.system;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static org.assertj.core.api.Assertions.assertThat;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/** Where code belongs. The build's dependency rules say it for modules, these say it for packages. */
class ArchitectureTest {
  private static final String ROOT = "dev.layermesh.";
  private static final JavaClasses HOUSE = new ClassFileImporter()
      .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
      .importPackages("dev.layermesh");

  private static ArchRule never(String from, String... to) {
    return noClasses().that().resideInAPackage(from).should().dependOnClassesThat().resideInAnyPackage(to);
  }

  private static ArchRule onlyIn(String library, String... homes) {
    return noClasses().that().resideOutsideOfPackages(homes).should().dependOnClassesThat().resideInAPackage(library);
  }

  static Stream<ArchRule> rules() {
    return Stream.of(
        classes().that().resideInAPackage(ROOT + "decoding..").should().onlyDependOnClassesThat()
            .resideInAnyPackage("java..", ROOT + "decoding..").as("decoding depends on the JDK alone"),
        never(ROOT + "engine..", "io.vertx..", "io.netty..", "com.hazelcast..", "io.opentelemetry..", "org.jcuda.."),
        never(ROOT + "engine..", ROOT + "mesh..", ROOT + "tokenizer..", ROOT + "gateway..", ROOT + "cli.."),
        never(ROOT + "mesh..", ROOT + "engine..", ROOT + "tokenizer..", ROOT + "gateway..", ROOT + "cli.."),
        never(ROOT + "tokenizer..", ROOT + "engine..", ROOT + "mesh..", ROOT + "gateway..", ROOT + "cli.."),
        never(ROOT + "gateway..", ROOT + "engine..", ROOT + "draft..", ROOT + "verify..", ROOT + "cli.."),
        never(ROOT + "draft..", ROOT + "verify..", ROOT + "gateway..", ROOT + "tokenizer..", ROOT + "cli.."),
        never(ROOT + "verify..", ROOT + "draft..", ROOT + "gateway..", ROOT + "tokenizer..", ROOT + "cli.."),
        onlyIn("jdk.incubator..", ROOT + "engine.cpu.kernels.."),
        onlyIn("com.hazelcast..", ROOT + "mesh.membership.."),
        onlyIn("ai.djl..", ROOT + "tokenizer.."),
        onlyIn("picocli..", ROOT + "cli", ROOT + "cli.options"),
        never(ROOT + "cli.options", ROOT + "cli", ROOT + "cli.runs"),
        never(ROOT + "cli.runs", ROOT + "cli"),
        never(ROOT + "cli.complete", ROOT + "cli", ROOT + "cli.options", ROOT + "cli.runs"),
        never(ROOT + "cli.process", ROOT + "cli", ROOT + "cli.options", ROOT + "cli.complete", ROOT + "cli.runs"),
        onlyIn("jcuda..", ROOT + "cuda.."));
  }

  @ParameterizedTest
  @MethodSource("rules")
  void shouldKeepCodeWhereItBelongs(ArchRule rule) {
    rule.allowEmptyShould(true).check(HOUSE);
  }

  @Test
  void shouldHaveSeenEveryModule() {
    List<String> packages = HOUSE.stream().map(JavaClass::getPackageName).distinct().toList();
    for (String module : List.of(
        "decoding", "engine.lane", "tokenizer", "mesh.wire", "draft", "verify", "gateway", "cli")) {
      assertThat(packages).as("packages seen").contains(ROOT + module);
    }
    assertThat(HOUSE.size()).as("classes seen").isGreaterThan(150);
  }

  @Test
  void shouldNoticeABrokenRule() {
    ArchRule broken = never(ROOT + "engine..", ROOT + "decoding..");
    assertThat(broken.evaluate(HOUSE).hasViolation()).isTrue();
  }
}
