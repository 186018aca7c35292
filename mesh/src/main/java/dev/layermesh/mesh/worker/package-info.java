/** What draft and verify workers share: being seen by the mesh. */
package dev.layermesh.mesh.worker;
