package io.livegate;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/**
 * A certificate authority made for one test run, and a server certificate of it, as PEM files. Made
 * by the JDK's keytool; the keys never leave the temporary directory.
 */
public record Certificates(Path authority, Path certificate, Path key) {

  private static final String PASSWORD = "for-one-test-run";
  private static final String TRUST_STORE = "javax.net.ssl.trustStore";
  private static final String TRUST_STORE_PASSWORD = "javax.net.ssl.trustStorePassword";

  public static Certificates create(Path directory, String host) throws IOException {
    Path store = directory.resolve("store.p12");
    keytool(store, "ca", "-dname", "CN=Test authority", "-ext", "bc=ca:true");
    keytool(
        store,
        "server",
        "-dname",
        "CN=" + host,
        "-signer",
        "ca",
        "-ext",
        "san=dns:" + host + ",dns:localhost,ip:127.0.0.1");
    try (InputStream in = Files.newInputStream(store)) {
      KeyStore keys = KeyStore.getInstance("PKCS12");
      keys.load(in, PASSWORD.toCharArray());
      return new Certificates(
          write(directory, "ca.pem", "CERTIFICATE", keys.getCertificate("ca").getEncoded()),
          write(directory, "server.pem", keys.getCertificateChain("server")),
          write(
              directory,
              "server.key",
              "PRIVATE KEY",
              keys.getKey("server", PASSWORD.toCharArray()).getEncoded()));
    } catch (GeneralSecurityException e) {
      throw new IOException(e);
    }
  }

  /** Has this JVM trust the authority, until {@link #distrust}, wherever nothing else is said. */
  public void trust() throws IOException {
    Path store = authority.resolveSibling("trust.p12");
    try (InputStream in = Files.newInputStream(authority);
        OutputStream out = Files.newOutputStream(store)) {
      KeyStore trusted = KeyStore.getInstance("PKCS12");
      trusted.load(null, null);
      trusted.setCertificateEntry(
          "ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
      trusted.store(out, PASSWORD.toCharArray());
    } catch (GeneralSecurityException e) {
      throw new IOException(e);
    }
    System.setProperty(TRUST_STORE, store.toString());
    System.setProperty(TRUST_STORE_PASSWORD, PASSWORD);
  }

  /** Undoes {@link #trust}. */
  public static void distrust() {
    System.clearProperty(TRUST_STORE);
    System.clearProperty(TRUST_STORE_PASSWORD);
  }

  private static Path write(Path directory, String name, Certificate[] chain)
      throws IOException, GeneralSecurityException {
    var text = new StringBuilder();
    for (Certificate certificate : chain) {
      text.append(pem("CERTIFICATE", certificate.getEncoded()));
    }
    return Files.writeString(directory.resolve(name), text);
  }

  private static Path write(Path directory, String name, String type, byte[] der)
      throws IOException {
    return Files.writeString(directory.resolve(name), pem(type, der));
  }

  private static String pem(String type, byte[] der) {
    return "-----BEGIN %1$s-----\n%2$s\n-----END %1$s-----\n"
        .formatted(type, Base64.getMimeEncoder(64, new byte[] {'\n'}).encodeToString(der));
  }

  private static void keytool(Path store, String alias, String... more) throws IOException {
    var command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "keytool").toString(),
                "-genkeypair",
                "-keystore",
                store.toString(),
                "-storepass",
                PASSWORD,
                "-storetype",
                "PKCS12",
                "-alias",
                alias,
                "-keyalg",
                "EC",
                "-groupname",
                "secp256r1",
                "-validity",
                "2"));
    command.addAll(List.of(more));
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    var output = new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8);
    try {
      if (process.waitFor() != 0) {
        throw new IOException("keytool failed: " + output);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
  }
}
