package io.livegate.simulator;

import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.GeneralSecurityException;
import java.security.Key;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.security.cert.X509Certificate;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collection;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

/**
 * A certificate authority made for one server certificate, by the JDK's keytool. The authority's
 * key is thrown away, so that whoever trusts it trusts nothing else.
 */
final class OwnAuthority {

  private static final String AUTHORITY = "ca.pem";
  private static final String CERTIFICATE = "server.pem";
  private static final String KEY = "server.key";
  private static final String PASSWORD_VARIABLE = "KEYTOOL_PASSWORD";
  private static final int VALID_DAYS = 365;
  private static final Duration LEAST_LEFT = Duration.ofDays(1);
  private static final int KEYTOOL_SECONDS = 60;

  private OwnAuthority() {}

  /**
   * Has {@code ca.pem}, {@code server.pem} and {@code server.key} be in the directory. They are
   * kept while they are for these names and good for another day, and made otherwise.
   *
   * @param names host names and IP addresses of the server
   * @throws IllegalStateException if they cannot be made
   */
  static Options.Tls in(Path directory, Set<String> names) {
    var tls = new Options.Tls(directory.resolve(CERTIFICATE), directory.resolve(KEY));
    try {
      if (!isGood(directory, names)) {
        make(directory, names);
      }
    } catch (IOException | GeneralSecurityException e) {
      throw new IllegalStateException("cannot make certificates in " + directory + ": " + e, e);
    }
    return tls;
  }

  private static boolean isGood(Path directory, Set<String> names)
      throws IOException, GeneralSecurityException {
    for (String file : List.of(AUTHORITY, CERTIFICATE, KEY)) {
      if (!Files.isReadable(directory.resolve(file))) {
        return false;
      }
    }
    try (InputStream in = Files.newInputStream(directory.resolve(CERTIFICATE))) {
      var certificate =
          (X509Certificate) CertificateFactory.getInstance("X.509").generateCertificate(in);
      Collection<List<?>> alternatives = certificate.getSubjectAlternativeNames();
      return alternatives != null
          && certificate.getNotAfter().toInstant().isAfter(Instant.now().plus(LEAST_LEFT))
          && alternatives.stream()
              .map(one -> String.valueOf(one.get(1)))
              .collect(Collectors.toSet())
              .equals(names);
    }
  }

  private static void make(Path directory, Set<String> names)
      throws IOException, GeneralSecurityException {
    Files.createDirectories(directory);
    Path store = Files.createTempFile(directory, "keys", ".p12");
    Files.delete(store);
    byte[] random = new byte[16];
    new SecureRandom().nextBytes(random);
    String password = HexFormat.of().formatHex(random);
    try {
      keytool(store, password, "ca", "-dname", "CN=Live simulator authority", "-ext", "bc=ca:true");
      keytool(
          store,
          password,
          "server",
          "-dname",
          "CN=Live simulator",
          "-signer",
          "ca",
          "-ext",
          names.stream()
              .map(OwnAuthority::alternative)
              .collect(Collectors.joining(",", "san=", "")));
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(new ByteArrayInputStream(Files.readAllBytes(store)), password.toCharArray());
      Key key = keys.getKey("server", password.toCharArray());
      // The certificate comes last: without it nothing there is taken for good.
      Files.deleteIfExists(directory.resolve(CERTIFICATE));
      write(directory.resolve(AUTHORITY), "rw-r--r--", pem(keys.getCertificate("ca")));
      write(directory.resolve(KEY), "rw-r-----", pem("PRIVATE KEY", key.getEncoded()));
      var chain = new StringBuilder();
      for (Certificate certificate : keys.getCertificateChain("server")) {
        chain.append(pem(certificate));
      }
      write(directory.resolve(CERTIFICATE), "rw-r--r--", chain.toString());
    } finally {
      Files.deleteIfExists(store);
    }
  }

  private static String alternative(String name) {
    return (name.matches("[0-9.]+|.*:.*") ? "ip:" : "dns:") + name;
  }

  private static String pem(Certificate certificate) throws GeneralSecurityException {
    return pem("CERTIFICATE", certificate.getEncoded());
  }

  private static String pem(String type, byte[] der) {
    return "-----BEGIN %1$s-----\n%2$s\n-----END %1$s-----\n"
        .formatted(type, Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der));
  }

  private static void write(Path file, String permissions, String text) throws IOException {
    Files.deleteIfExists(file);
    if (file.getFileSystem().supportedFileAttributeViews().contains("posix")) {
      Files.createFile(
          file, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString(permissions)));
    }
    Files.writeString(file, text);
  }

  private static void keytool(Path store, String password, String alias, String... more)
      throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keystore",
                store.toString(),
                "-storetype",
                "PKCS12",
                "-storepass:env",
                PASSWORD_VARIABLE,
                "-alias",
                alias,
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-validity",
                Integer.toString(VALID_DAYS)));
    command.addAll(List.of(more));
    var builder = new ProcessBuilder(command).redirectErrorStream(true);
    builder.environment().put(PASSWORD_VARIABLE, password);
    Process process = builder.start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (!process.waitFor(KEYTOOL_SECONDS, TimeUnit.SECONDS) || process.exitValue() != 0) {
        process.destroyForcibly();
        throw new IOException("keytool failed: " + output.strip());
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }
}
