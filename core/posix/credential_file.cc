#include "core/posix/credential_file.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace compiler_gym {

Result<std::string> read_credential_file(const std::string& path) {
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  std::ostringstream content;
  content << file.rdbuf();
  if (errno != 0) {
    return invalid_argument("cannot read " + path + ": " + std::strerror(errno));
  }
  if (content.str().empty()) {
    return invalid_argument(path + " is empty");
  }
  return content.str();
}

Result<std::string> read_token_file(const std::string& path) {
  Result<std::string> token = read_credential_file(path);
  if (token) {
    token->erase(token->find_last_not_of(" \t\r\n") + 1);
    if (token->empty()) {
      return invalid_argument(path + " is empty");
    }
  }
  return token;
}

}  // namespace compiler_gym
