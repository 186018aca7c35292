/** What draft and verify workers share: how the mesh sees them. */
package dev.layermesh.mesh.worker;
