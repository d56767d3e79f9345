from django.contrib.auth.views import LoginView, LogoutView
from django.urls import path

from pins import views
from pins.forms import SignInForm

urlpatterns = [
    path("", views.home, name="home"),
    path("digest/", views.digest, name="digest"),
    path("people/", views.people, name="people"),
    path("people/<str:name>/", views.person, name="person"),
    path("people/<str:name>/follow/", views.follow, name="follow"),
    path("pins/new/", views.new_pin, name="new-pin"),
    path("pins/<int:pk>/", views.pin, name="pin"),
    path("pins/<int:pk>/love/", views.love, name="love"),
    path("pins/<int:pk>/comment/", views.comment, name="comment"),
    path("pins/<int:pk>/repin/", views.repin, name="repin"),
    path("pins/<int:pk>/delete/", views.delete, name="delete"),
    path("notifications/", views.notifications, name="notifications"),
    path("notifications/events/", views.events, name="events"),
    path("notifications/open/", views.open_notification, name="open-notification"),
    path("sign-up/", views.SignUp.as_view(), name="sign-up"),
    path(
        "sign-in/",
        LoginView.as_view(template_name="pins/sign_in.html", form_class=SignInForm, redirect_authenticated_user=True),
        name="sign-in",
    ),
    path("sign-out/", LogoutView.as_view(), name="sign-out"),
]
