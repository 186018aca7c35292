/** Typed reading of the JSON that describes a model. Refusals name file, field and value. */
package dev.layermesh.engine.json;
