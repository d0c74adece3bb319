#include "events/ed25519.h"

#include <openssl/bn.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <string>

#include "events/crypto.h"

namespace jammi::events {
namespace {

using Number = std::unique_ptr<BIGNUM, Freer<BN_free>>;
using Numbers = std::unique_ptr<BN_CTX, Freer<BN_CTX_free>>;
using Digest = std::unique_ptr<EVP_MD_CTX, Freer<EVP_MD_CTX_free>>;

// RFC 8032, 5.1: p = 2^255 - 19, and d of -x^2 + y^2 = 1 + d x^2 y^2.
constexpr const char* kPrime = "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffed";
constexpr const char* kD = "52036cee2b6ffe738cc740797779e89800700a4d4141d8ab75eb4dca135978a3";
// The y of the points whose order divides 8: the neutral point, (0, -1), those of order 4, those of order 8.
constexpr std::array<const char*, 5> kSmallOrderY = {
    "1", "7fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffec", "0",
    "05fc536d880238b13933c6d305acdfd5f098eff289f4c345b027b2c28f95e826",
    "7a03ac9277fdc74ec6cc392cfa53202a0f67100d760b3cba4fd84d3d706a17c7"};

Number FromHex(const char* hex) {
  BIGNUM* number = nullptr;
  BN_hex2bn(&number, hex);
  return Number(number);
}

// Is there an x for this y? x^2 = (y^2 - 1) / (d y^2 + 1), which is a square where the product of the two is.
bool HasX(const BIGNUM* y, const BIGNUM* p, BN_CTX* ctx) {
  const Number square(BN_new());
  const Number u(BN_new());
  const Number v(BN_new());
  const Number d = FromHex(kD);
  const Number product(BN_new());
  const bool done = BN_mod_sqr(square.get(), y, p, ctx) == 1 &&
                    BN_mod_sub(u.get(), square.get(), BN_value_one(), p, ctx) == 1 &&
                    BN_mod_mul(v.get(), d.get(), square.get(), p, ctx) == 1 &&
                    BN_mod_add(v.get(), v.get(), BN_value_one(), p, ctx) == 1 &&
                    BN_mod_mul(product.get(), u.get(), v.get(), p, ctx) == 1;
  return done && BN_kronecker(product.get(), p, ctx) >= 0;
}

}  // namespace

PointFault CheckPoint(std::string_view point) {
  std::array<uint8_t, 32> bytes{};
  if (point.size() != bytes.size()) return PointFault::kNotOnCurve;
  std::ranges::copy(point, bytes.begin());
  bytes.back() &= 0x7f;  // the highest bit is the sign of x
  const Numbers ctx(BN_CTX_new());
  const Number y(BN_lebin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
  const Number p = FromHex(kPrime);
  if (BN_cmp(y.get(), p.get()) >= 0) return PointFault::kNotOnCurve;
  for (const char* small : kSmallOrderY) {
    if (BN_cmp(y.get(), FromHex(small).get()) == 0) return PointFault::kSmallOrder;
  }
  return HasX(y.get(), p.get(), ctx.get()) ? PointFault::kNone : PointFault::kNotOnCurve;
}

Result<std::shared_ptr<const Ed25519PublicKey>> Ed25519PublicKey::Make(std::string_view point) {
  EVP_PKEY* key = EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, Bytes(point), point.size());
  if (key == nullptr) return Error(ErrorCode::kInternal, "OpenSSL has refused a public key");
  return std::shared_ptr<const Ed25519PublicKey>(new Ed25519PublicKey(key));
}

Ed25519PublicKey::~Ed25519PublicKey() { EVP_PKEY_free(key_); }

bool Ed25519PublicKey::Verifies(std::string_view bytes, std::string_view signature) const {
  const Digest context(EVP_MD_CTX_new());
  return context != nullptr && EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_) == 1 &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(bytes), bytes.size()) == 1;
}

}  // namespace jammi::events
