package io.livegate.console;

import io.livegate.admin.PolicyResource;
import io.livegate.admin.SessionResource;
import io.livegate.admin.SubjectResource;
import io.smallrye.common.annotation.NonBlocking;
import jakarta.ws.rs.Path;
import org.eclipse.microprofile.openapi.annotations.Operation;

/**
 * What the console asks for: the admin API, for who has signed in at the page instead of bringing a
 * token.
 */
@Path("/console/api")
@NonBlocking
public class ConsoleResource {

  private final SessionResource sessions;
  private final SubjectResource subjects;
  private final PolicyResource policy;

  ConsoleResource(SessionResource sessions, SubjectResource subjects, PolicyResource policy) {
    this.sessions = sessions;
    this.subjects = subjects;
    this.policy = policy;
  }

  @Path("/sessions")
  @Operation(hidden = true)
  public SessionResource sessions() {
    return sessions;
  }

  @Path("/subjects/{subject}/block")
  @Operation(hidden = true)
  public SubjectResource subjects() {
    return subjects;
  }

  @Path("/")
  @Operation(hidden = true)
  public PolicyResource policy() {
    return policy;
  }
}
