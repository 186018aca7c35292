/** Typed reading of the JSON that describes a model, with refusals a user can act on. */
package dev.layermesh.engine.json;
