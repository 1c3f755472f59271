from django.urls import path
from drf_spectacular.views import SpectacularAPIView

from api.v1 import availability, orders

app_name = "v1"
urlpatterns = [
    path("orders", orders.Orders.as_view(), name="orders"),
    path("orders/<int:number>", orders.OneOrder.as_view(), name="order"),
    path("orders/<int:number>/cancellation", orders.Cancellation.as_view(), name="order-cancellation"),
    path("orders/<int:number>/shipments", orders.Shipments.as_view(), name="order-shipments"),
    path("availability", availability.Availability.as_view(), name="availability"),
    path("schema", SpectacularAPIView.as_view(api_version="v1"), name="schema"),
]
