"""Puts the way to an OpenID provider into the application, where one is set. Its libraries are an extra, loaded only then."""

from fastapi import FastAPI

from api.services import Services
from linli.errors import ConfigError
from linli.i18n import Text


def install(app: FastAPI, services: Services) -> None:
    """Add the routes. ConfigError for settings that cannot be, or libraries that are not there."""
    if services.settings.oidc_issuer is None:
        return
    try:
        from api.accounts import oidc, oidc_routes
    except ModuleNotFoundError as error:
        raise ConfigError(
            Text(
                f"oidc_issuer 需要 {error.name}：请在 Linli 的检出目录中执行 pip install '.[oidc]'",
                f"oidc_issuer needs {error.name}: run pip install '.[oidc]' in the checkout of Linli",
            )
        ) from None
    config = oidc.read_config(services.settings)
    if config is not None:
        provider = oidc.Provider(config, services.clock)
        oidc_routes.add_routes(app, services, provider)
        oidc_routes.add_sign_out(app, provider)
