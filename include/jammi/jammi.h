// Everything a user of the library may include, at once. Start reading at engine.h.
#pragma once

#include "jammi/catalog_backend.h"
#include "jammi/clock.h"
#include "jammi/config.h"
#include "jammi/engine.h"
#include "jammi/error.h"
#include "jammi/ids.h"
#include "jammi/models.h"
#include "jammi/predicate.h"
#include "jammi/result.h"
#include "jammi/scope.h"
#include "jammi/secret.h"
#include "jammi/trigger.h"
