package dev.layermesh.tokenizer.jinja;

import dev.layermesh.tokenizer.jinja.python.Value;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** The variables of one run of a part of a template. A variable without a value is undefined. */
final class Frame {
  private final Scope scope;
  private final Optional<Frame> parent;
  private final Map<String, Value> values = new HashMap<>();

  Frame(Scope scope, Frame parent) {
    this(scope, Optional.of(parent));
  }

  private Frame(Scope scope, Optional<Frame> parent) {
    this.scope = scope;
    this.parent = parent;
  }

  /** A frame with none around it, for a template or a block. */
  static Frame outermost(Scope scope) {
    return new Frame(scope, Optional.empty());
  }

  boolean isOutermost() {
    return parent.isEmpty();
  }

  /** Gives variables the values they begin with; parameters keep theirs. */
  void enter(Variables variables) {
    scope.loads().forEach((name, load) -> {
      switch (load) {
        case PARAMETER -> {}
        case RESOLVE -> put(name, variables.find(name));
        case ALIAS -> put(name, parent.orElseThrow().find(name));
        case UNDEFINED -> values.remove(name);
      }
    });
  }

  private void put(String name, Optional<Value> value) {
    value.ifPresentOrElse(present -> values.put(name, present), () -> values.remove(name));
  }

  Optional<Value> find(String name) {
    Frame frame = this;
    while (!frame.scope.defines(name) && frame.parent.isPresent()) {
      frame = frame.parent.get();
    }
    return Optional.ofNullable(frame.values.get(name));
  }

  void set(String name, Value value) {
    values.put(name, value);
  }

  /** What is looked up by name: what the template set at its top, then what it was given. */
  record Variables(Map<String, Value> set, Map<String, Value> given) {
    Optional<Value> find(String name) {
      return Optional.ofNullable(set.get(name)).or(() -> Optional.ofNullable(given.get(name)));
    }
  }
}
